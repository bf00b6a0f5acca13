"""How tests compile whose subject is not the compiled code itself."""

QUICK = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
"""A third of a compilation is optimization, and half of the rest the emitters of fused loops: small models repay neither."""
