"""Cautious AdamW (Liang et al. 2024, arXiv 2411.16085): only elements whose step agrees with the gradient move."""

HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return cautious(u, g), {"m": m, "v": v}
