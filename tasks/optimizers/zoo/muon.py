"""Muon (Jordan 2024) on matrices, scaled to the size of AdamW's steps (Liu et al. 2025, 2502.16982); else AdamW."""

HYPER = {"mu": 0.95, "b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    if kind == "matrix":
        return {"m": zeros(shape)}
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    if kind == "matrix":
        b = ema(s["m"], g, mu)
        n = ema(b, g, mu)
        return 0.2 * sqrt(max_dim(w)) * ns(n, 5), {"m": b}
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
