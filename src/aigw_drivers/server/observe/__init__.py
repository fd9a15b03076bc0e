"""What a server tells its operator about its traffic: records, metrics, traces, the page."""
