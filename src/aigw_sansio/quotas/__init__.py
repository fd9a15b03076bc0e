"""What a gateway lets through in a time: counters, rules, prices."""
