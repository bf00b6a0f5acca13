"""How tests compile whose subject is not the compiled code itself."""

from importlib.metadata import version

QUICK = "--xla_backend_optimization_level=0"
"""A third of a compilation is optimization, which small models do not repay."""
if version("jaxlib").startswith("0.10."):  # XLA refuses to start with a flag that it does not know
    QUICK += " --xla_cpu_use_fusion_emitters=false"  # they take half of the rest
    QUICK += " --xla_cpu_parallel_codegen_split_count=1"  # small models have no parts to compile side by side: a fifth less
