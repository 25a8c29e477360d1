"""A mock of the Agno AgentOS workflow API: scripts in, believable runs out."""

import warnings

# Connexion 3.3 imports Starlette's test client, which wants another HTTP library for itself.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
