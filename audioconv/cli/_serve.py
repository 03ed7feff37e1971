"""audioconv serve: words in the sound that other programs send, and a live page for browsers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from audioconv._wording import counted
from audioconv.cli.inputs import WORDS, checked_kind, load_estimator
from audioconv.cli.messages import say
from audioconv.errors import ArgumentError

_LOCAL = ("127.0.0.1", "::1", "localhost")


def serve(
    wyoming: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Wake-word service for Home Assistant and the like: tcp://127.0.0.1:10400"),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Live page: a browser's sound through a chain and back.")] = False,
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="With --web: where to listen; by default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="N", help="With --web: by default 8765; 0 is a free one.")
    ] = None,
    chain: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="With --web: one more chain in TOML; may come repeatedly.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Model file; by default the detector that comes along.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="T", help="Score from which a word counts; by default each has its own, of the model."
        ),
    ] = None,
    clients: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="At once, more are sent away; by default 32, with --web 8.")
    ] = None,
) -> None:
    """Tell words in sound to other programs, or on a live page.

    With --wyoming a service of the Wyoming protocol, which any number of satellites may use. With --web a page that
    takes the microphone of a browser, or a file, plays it through a chain, and shows waveform, spectrogram and words.
    Ctrl-C or SIGTERM ends it.

    \b
    audioconv serve --wyoming tcp://0.0.0.0:10400 --model words.safetensors
    audioconv serve --web --chain hall.toml
    """
    if model is not None:
        checked_kind(model, WORDS)
    settings: dict[str, Any] = {"threshold": threshold} | ({} if clients is None else {"clients": clients})
    if web and wyoming is not None:
        raise ArgumentError("--wyoming and --web are two services; start one of them here, and the other beside it")
    if web:
        _serve_web(model, host or "127.0.0.1", port, chain or [], settings)
        return
    given = {"--host": host, "--port": port, "--chain": chain or None}
    if stray := [name for name, value in given.items() if value is not None]:
        raise ArgumentError(f"{', '.join(stray)} can be given with --web alone")
    if wyoming is None:
        raise ArgumentError("there is nothing to serve: --wyoming tcp://127.0.0.1:10400 or --web is wanted")
    _serve_wyoming(model, wyoming, settings)


def _serve_wyoming(model: Path | None, uri: str, settings: dict[str, Any]) -> None:
    try:
        from audioconv.serve.service import WyomingService, address_of, serve_wyoming
    except ImportError as error:
        raise ArgumentError("serving needs the package wyoming: pip install 'audioconv[serve]'") from error
    host, _ = address_of(uri)
    service = WyomingService(load_estimator(model), **settings)
    if host not in _LOCAL:
        say(f"{host} is not this machine alone: whoever reaches it may send sound, and nothing is encrypted")
    serve_wyoming(service, uri, lambda uri: say(f"listening on {uri} for {', '.join(service.words)}"))
    typer.echo(f"{counted(service.served, 'client')}, {counted(service.told, 'word')} told")


def _serve_web(model: Path | None, host: str, port: int | None, chains: list[Path], settings: dict[str, Any]) -> None:
    try:
        from audioconv.serve.web.service import PORT, WebService, serve_web
    except ImportError as error:
        raise ArgumentError(f"the live page needs starlette, uvicorn and websockets, and {error.name or error} is not "
                            "there: pip install 'audioconv[web]'") from error  # fmt: skip
    service = WebService(load_estimator(model), chains=chains, **settings)
    if host not in _LOCAL:
        say(f"{host} is not this machine alone, and nothing is encrypted: who sees the address can use it, and "
            "browsers on other machines give no microphone to such a page (docs/serve.md)")  # fmt: skip

    def announce(url: str) -> None:
        say(f"listening for {', '.join(service.words)}")
        say("Ctrl-C ends it; the page, for whoever has this address:")
        typer.echo(url)

    serve_web(service, host, PORT if port is None else port, announce)
    typer.echo(f"{counted(service.served, 'page')}, {counted(service.told, 'word')} told")
