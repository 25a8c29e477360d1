"""The reader's application: an ASGI application that keeps the contract."""

from pathlib import Path

from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts

SCRIPTS = Path(__file__).parent.parent / "scripts"
app = create_app(Settings(workflows=load_scripts(SCRIPTS).workflows, seed=1))
