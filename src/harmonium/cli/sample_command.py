"""draw visible states from a machine

By Gibbs sampling: each draw is the end of a chain of its own, --sweeps sweeps long; with --exact by enumeration, without
a chain. Without --out the draws are printed, a line each; --out writes .npy or a picture (.png).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.checks import InputError
from harmonium.cli import runs
from harmonium.cli.machine import add_seed, held, image_shape
from harmonium.cli.show import print_json, units_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLE = """\
example:
  harmonium sample runs/digits --count 100 --out fantasies.png
  harmonium sample runs/digits --clamp v1..v32=0 --sweeps 500 --out lower_half.npy
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    command.add_argument("--count", metavar="N", type=int, default=16, help="number of draws (default: 16)")
    command.add_argument("--sweeps", metavar="N", type=int, default=1000, help="Gibbs sweeps of each chain (default: 1000)")
    command.add_argument("--clamp", metavar="C", help="visible units to hold: v1=1,v3=0 or v1..v8=0, or a pattern 1??0")
    command.add_argument("--exact", action="store_true", help="draw by enumeration instead (machines with a small layer)")
    add_seed(command)
    add_out(command)


def add_out(command: argparse.ArgumentParser) -> None:
    """`--out FILE` and `--overwrite`."""
    command.add_argument("--out", metavar="FILE", help="write to FILE, .npy or .png")
    command.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")


def check_out(options: argparse.Namespace) -> None:
    """Fail before the work rather than after it if the file cannot be written."""
    if options.out is None:
        return
    path = Path(options.out)
    if path.suffix not in (".npy", ".png"):
        raise InputError(f"--out {path}: the name must end with .npy or .png")
    if path.exists() and not options.overwrite:
        raise InputError(f"--out {path} exists already; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")


def write_out(options: argparse.Namespace, array: Any, figure: Figure) -> str:
    """Write what --out asks for; the file's name."""
    if options.out.endswith(".npy"):
        return str(runs.write_array(options.out, array, options.overwrite))
    return str(runs.write_picture(options.out, figure, options.overwrite))


def run(options: argparse.Namespace) -> None:
    import harmonium as hm
    from harmonium import exact, plots, storage

    check_out(options)
    if options.exact and options.clamp is not None:
        raise InputError("--exact draws all visible units; leave out --clamp, or use Gibbs sampling")
    rbm, _, description = storage.load_described(options.model)
    if options.exact:
        v = exact.sample(rbm, options.count, options.seed)
        method = "exact"
    else:
        clamp = None if options.clamp is None else held(rbm.visible, options.clamp)
        v = hm.sample(rbm, options.count, options.seed, clamp=clamp, sweeps=options.sweeps)
        method = f"Gibbs, {options.sweeps:,} sweeps"
    result: dict[str, Any] = {"count": len(v), "method": method, "seed": options.seed}
    if options.out is None:
        result["samples"] = v if options.json and None in rbm.visible.unit_symbols else units_text(rbm.visible, v)
    else:
        shape = image_shape(description, rbm)
        result["file"] = write_out(options, v, plots.tiles(v, shape, f"Samples ({method})"))
    if options.json:
        print_json(result)
    elif options.out is None:
        print("\n".join(result["samples"]))
    else:
        print(f"{len(v):,} samples ({method}) in {result['file']}")
