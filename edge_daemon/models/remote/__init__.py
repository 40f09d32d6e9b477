"""Models on other machines: inference servers that speak the Open Inference Protocol (KServe v2), as engines.

Only workers of models with a `url` import this.
"""
