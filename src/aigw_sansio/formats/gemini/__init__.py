"""Google's formats: generateContent, Interactions and Live."""
