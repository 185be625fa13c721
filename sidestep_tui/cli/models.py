"""`sidestep models`: which model folders there are, and what is in one, from configs and file headers alone."""

import hashlib
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich import filesize
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.acestep.checkpoint import Checkpoint, open_checkpoint
from sidestep_tui.acestep.layout import Folders, Layout, find_folders
from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.acestep.safetensors_index import index_folder
from sidestep_tui.cli.models_fetch import configure_convert, configure_download
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.config.places import model_homes, whole_path
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import ExitCode, SidestepError

_OWN_WEIGHTS: Final = {
    Layout.ORIGINAL: ("transformer",),
    Layout.DIFFUSERS: ("transformer", "condition_encoder", "audio_tokenizer", "audio_token_detokenizer"),
}


def configure(parser: Parser) -> None:
    """Adds the verbs below `models`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing: Parser = verbs.add_parser("list", help="model folders in and below a folder")
    places = "default: the usual places for models"
    listing.add_argument("folder", type=whole_path, nargs="?", default=None, metavar="FOLDER", help=places)
    listing.set_defaults(call=_list)
    inspection: Parser = verbs.add_parser("inspect", help="layout, variant, sizes and missing files of one model")
    inspection.add_argument("model", type=whole_path, metavar="MODEL", help="a model folder")
    inspection.add_argument("--base", choices=[*Variant], help="what a fine-tune was made from")
    inspection.add_argument("--checksum", action="store_true", help="SHA-256 of every weights file (reads them all)")
    inspection.set_defaults(call=_inspect)
    configure_download(verbs.add_parser("download", help="fetch a model from the Hugging Face Hub"))
    configure_convert(verbs.add_parser("convert", help="write a model in the other layout"))


def _list(options: Namespace, out: Output) -> int:
    places = model_homes() if options.folder is None else [options.folder]
    if options.folder is not None and not options.folder.is_dir():
        raise SidestepError(
            "There is no such folder.", where=options.folder, fix="give the folder that holds the models"
        )
    found = {model.root: model for place in places if place.is_dir() for model in _models_in(place)}
    documents = [_summary(model) for model in found.values()]
    out.show(documents, lambda: _table(documents, places))
    return ExitCode.DONE


def _inspect(options: Namespace, out: Output) -> int:
    base = None if options.base is None else Variant(options.base)
    document = _details(open_checkpoint(options.model, base))
    if options.checksum:
        files = sorted({Path(file) for part in document["parts"].values() for file in part["files"]})
        document["sha256"] = {str(file): _sha256(file) for file in files}
    out.show(document, lambda: _pairs(document))
    return ExitCode.FAILED if document["missing"] else ExitCode.DONE


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _models_in(folder: Path) -> Iterator[Folders]:
    """The models in a folder and in the folders within it; one can come twice."""
    for place in (folder, *_folders_in(folder)):
        try:
            yield find_folders(place)
        except (SidestepError, OSError):
            continue  # no model, or several, which are found on their own, or a folder that may not be read


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return []


def _summary(found: Folders) -> dict[str, Any]:
    """A model in a list; one that cannot be opened, or lacks a part, says why."""
    facts: dict[str, Any] = {}
    try:
        checkpoint = open_checkpoint(found.root)
        facts = {"variant": checkpoint.variant, "is_xl": checkpoint.is_xl, "parameters": checkpoint.parameter_count}
        for part in ("vae", "text_encoder"):
            found.part(part)
    except SidestepError as error:
        facts["problem"] = error.what
    return {"name": found.root.name, "path": found.root, "layout": found.layout, **facts}


def _details(checkpoint: Checkpoint) -> dict[str, Any]:
    """Everything that can be told about a model without loading it."""
    config = checkpoint.config
    missing: list[dict[str, str | None]] = []
    parts = {}
    for name in (*_OWN_WEIGHTS[checkpoint.layout], "vae", "text_encoder"):
        try:
            parts["model" if checkpoint.layout is Layout.ORIGINAL and name == "transformer" else name] = _weights(
                checkpoint.folders.part(name)
            )
        except SidestepError as error:
            missing.append(error.as_dict())
    for folder, file in _needed_files(checkpoint):
        if not (folder / file).is_file():
            missing.append({"error": f"The file {file} is missing.", "where": str(folder), "fix": "download it again"})
    return {
        "path": checkpoint.path,
        "layout": checkpoint.layout,
        "variant": checkpoint.variant,
        "variant_because": checkpoint.variant_because,
        "fingerprint": checkpoint.fingerprint() if not missing else None,
        "is_xl": checkpoint.is_xl,
        "dit_parameters": checkpoint.parameter_count,
        "hidden_size": config.hidden_size,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "parts": parts,
        "missing": missing,
    }


def _needed_files(checkpoint: Checkpoint) -> Iterator[tuple[Path, str]]:
    """What must be there beside the weights."""
    if checkpoint.layout is Layout.ORIGINAL:
        yield checkpoint.path, "silence_latent.pt"
        yield checkpoint.path.parent / "Qwen3-Embedding-0.6B", "tokenizer.json"
    else:
        yield checkpoint.path / "tokenizer", "tokenizer.json"


def _weights(folder: Path) -> dict[str, Any]:
    """Parameters, stored types and bytes of the weights in one folder, from the headers of its files."""
    entries = list(index_folder(folder).values())
    return {
        "path": folder,
        "files": sorted({entry.file for entry in entries}),
        "parameters": sum(entry.parameters for entry in entries),
        "dtypes": sorted({entry.dtype for entry in entries}),
        "bytes": sum(file.stat().st_size for file in {entry.file for entry in entries}),
    }


def _table(documents: list[dict[str, Any]], places: list[Path]) -> RenderableType:
    if not documents:
        looked = ", ".join(map(str, places))
        return Text(
            printable(f"There is no ACE-Step 1.5 model in {looked}. `sidestep models download NAME` fetches one.")
        )
    table = Table(box=None, pad_edge=False)
    for column in ("MODEL", "LAYOUT", "VARIANT", "DIT PARAMETERS", "PLACE"):
        table.add_column(column, overflow="fold")
    for document in documents:
        table.add_row(
            Text(printable(document["name"])),
            document["layout"],
            Text(document["problem"]) if "problem" in document else _variant(document),
            f"{document['parameters']:,}" if "parameters" in document else "",
            Text(printable(str(document["path"]))),
        )
    return table


def _pairs(document: dict[str, Any]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    shape = f"{document['layers']} layers of {document['hidden_size']}, {document['heads']} heads"
    table.add_row("model", Text(printable(str(document["path"]))))
    table.add_row("layout", document["layout"])
    table.add_row("variant", f"{_variant(document)} ({document['variant_because']})")
    table.add_row("DiT", f"{document['dit_parameters']:,} parameters, {shape}")
    for name, part in document["parts"].items():
        size = f"{part['parameters']:,} parameters, {', '.join(part['dtypes'])}, {filesize.decimal(part['bytes'])}"
        table.add_row(name.replace("_", " "), size)
    if document["fingerprint"] is not None:
        table.add_row("fingerprint", document["fingerprint"])
    for file, digest in document.get("sha256", {}).items():
        table.add_row("sha256", Text(printable(f"{digest}  {file}")))
    for lack in document["missing"]:
        table.add_row("missing", Text(printable(f"{lack['error']} {lack['where']} Fix: {lack['fix']}")), style="red")
    return table


def _variant(document: dict[str, Any]) -> str:
    return f"{'xl ' if document['is_xl'] else ''}{document['variant']}"
