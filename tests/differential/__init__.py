"""The mock and a real AgentOS, run side by side on whatever Hypothesis draws, and compared."""
