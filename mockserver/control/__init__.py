"""The control API under /__mock__/: what a test asks of the mock besides the AgentOS API."""
