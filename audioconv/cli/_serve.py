"""audioconv serve: words in the sound that other programs send."""

from pathlib import Path
from typing import Annotated

import typer

from audioconv.cli.inputs import load_estimator
from audioconv.cli.messages import say
from audioconv.errors import ArgumentError

_LOCAL = ("127.0.0.1", "::1", "localhost")


def serve(
    wyoming: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Wake-word service for Home Assistant and the like: tcp://127.0.0.1:10400"),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Model file; by default the detector that comes along.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="T", help="Detection threshold of the score.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, metavar="N", help="Clients at once; more are sent away.")] = 32,
) -> None:
    """Tell words to other programs, in the sound that they send.

    With --wyoming a service of the Wyoming protocol, which any number of satellites may use. Ctrl-C or SIGTERM ends it.

    \b
    audioconv serve --wyoming tcp://0.0.0.0:10400 --model words.safetensors
    """
    if wyoming is None:
        raise ArgumentError("there is nothing to serve: --wyoming tcp://127.0.0.1:10400 is wanted")
    try:
        from audioconv.serve import WyomingService, serve_wyoming
        from audioconv.serve.service import address_of
    except ImportError as error:
        raise ArgumentError("serving needs the package wyoming: pip install 'audioconv[serve]'") from error
    host, _ = address_of(wyoming)
    service = WyomingService(load_estimator(model), threshold=threshold, clients=clients)
    if host not in _LOCAL:
        say(f"{host} is not this machine alone: whoever reaches it may send sound, and nothing is encrypted")
    serve_wyoming(service, wyoming, lambda uri: say(f"listening on {uri} for {', '.join(service.words)}"))
    typer.echo(f"{service.served} clients, {service.told} words told")
