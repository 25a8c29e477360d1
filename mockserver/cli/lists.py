"""`agentos-mock faults` and `agentos-mock openapi`: what there is, written out."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from agentos_contract.completion import complete_departures
from agentos_contract.deviations import load_deviations
from agentos_contract.document import Document, DocumentError, load_document
from agentos_contract.variations import load_variations
from agentos_contract.views import VERSIONS, document_view
from agentos_contract.yaml_files import SafeDumper


@click.command()
@click.argument("words", metavar="[WORD]...", nargs=-1, shell_complete=complete_departures)
def faults(words: tuple[str, ...]) -> None:
    """List the deviations and variations to perform, or those with every WORD in name, text or in
    what they break."""
    found = [
        *((d.id, d.text, d.breaks) for d in load_deviations().values()),
        *((v.id, v.text, None) for v in load_variations().values()),
    ]
    shown = 0
    for name, text, breaks in found:
        if not all(word.lower() in f"{name} {text} {breaks}".lower() for word in words):
            continue
        shown += 1
        option = "--vary" if breaks is None else "--fault"
        click.echo(f"{option} {name}")
        click.echo(f"    {text}")
        if breaks:
            click.echo(f"    breaks {', '.join(breaks)}")
    if not shown:
        raise click.ClickException(f"nothing has {' and '.join(map(repr, words))} in it")


@click.command()
@click.option(
    "--version",
    default="3.1",
    show_default=True,
    type=click.Choice(VERSIONS),
    help="Of OpenAPI; 3.2 says what a stream's items are.",
)
@click.option(
    "--format",
    "form",
    default="json",
    show_default=True,
    type=click.Choice(["json", "yaml"]),
)
@click.option("--spec", type=click.Path(path_type=Path), help="Another document, as of `serve`.")
@click.option(
    "--control", is_flag=True, help="The document of the control API instead of AgentOS's."
)
def openapi(version: str, form: str, spec: Path | None, control: bool) -> None:
    """Write the OpenAPI document with its overlay, as it is served at /openapi.json."""
    try:
        document = _load_control_document() if control else load_document(spec)
    except DocumentError as error:
        raise click.ClickException(str(error)) from error
    content = document_view(document, version)
    if form == "yaml":
        text = yaml.dump(content, Dumper=SafeDumper, sort_keys=False, allow_unicode=True)
        click.echo(text, nl=False)
    else:
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _load_control_document() -> Document:
    from mockserver.control.application import load_control_document

    return load_control_document()
