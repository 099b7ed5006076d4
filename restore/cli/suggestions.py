"""Suggestions: what was meant where a command or an option is called as other programs call it."""

from __future__ import annotations

from restore.errors import RequestError

MEANT = {  # names of commands that people try, and ours
    "upscale": "superres", "enlarge": "superres", "resize": "superres", "sr": "superres",
    "super-resolution": "superres", "remove": "inpaint", "erase": "inpaint", "fill": "inpaint",
    "heal": "inpaint", "dejpeg": "jpeg", "deblock": "jpeg", "artifacts": "jpeg",
    "clean": "denoise", "sharpen": "deblur", "unblur": "deblur", "fix": "auto",
    "repair": "auto", "restore": "auto", "enhance": "auto", "analyse": "diagnose",
    "analyze": "diagnose", "check": "diagnose", "scratches": "mask", "morph": "interpolate",
    "sample": "generate", "benchmark": "bench", "info": "env", "version": "env",
    "download": "models", "settings": "config",
}  # fmt: skip
OPTIONS_MEANT = {  # options that people try, and ours, of which the command may have some
    "-s": ("--scale", "--sigma", "--seed"), "--factor": ("--scale",), "--upscale": ("--scale",),
    "--steps": ("--nfe",), "--resume": ("--existing skip",),
    "--skip": ("--existing skip",), "--overwrite": ("-y",), "--force": ("-y",), "-f": ("-y",),
    "--out": ("--output",), "--outdir": ("--output",), "--output-dir": ("--output",),
    "--jobs": ("--workers",), "-j": ("--workers",), "--gpu": ("--device cuda",),
    "--cpu": ("--device cpu",), "--html": ("--report",), "--config": ("--with",),
}  # fmt: skip
NAMED_ALONE = "images are named without an option, as in `bcm-restore jpeg photo.jpg`"


class NothingNamed(RequestError):
    """No input was named, so that nothing can be done; examples show how."""


def describe_usage(error: Exception) -> str:
    """What Typer says of wrong usage, on one line, and what was meant; "" of anything else."""
    form = getattr(error, "format_message", None)
    if form is None or type(error).__name__ == "NoArgsIsHelpError":
        return ""
    option = getattr(error, "option_name", "")
    context = getattr(error, "ctx", None)
    text = " ".join(form().split()).rstrip(".")
    if type(error).__name__ == "NoSuchOption":
        known = {name for one in context.command.params for name in one.opts} if context else set()
        meant = [words for words in OPTIONS_MEANT.get(option, ()) if words.split()[0] in known]
        text = f"no option is called {option}: did you mean {' or '.join(meant)}" if meant else text
        text = NAMED_ALONE if option in ("-i", "--input") and not meant else text
    path = context.command_path if context else "bcm-restore"
    name = getattr(getattr(error, "param", None), "name", None)
    source = context.get_parameter_source(name) if context and name else None
    if source is not None and source.name == "DEFAULT_MAP":
        text = f"{text}, in bcm-restore.toml"
    return f"{text[:1].lower()}{text[1:]}; `{path} --help` shows how"
