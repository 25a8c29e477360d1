"""How one real server, AgentOS 2.5.6, departs from the contract."""
