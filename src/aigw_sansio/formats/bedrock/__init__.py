"""The formats of Amazon Bedrock: Converse, InvokeModel and agents."""
