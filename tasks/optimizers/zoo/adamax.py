"""Adamax (Kingma and Ba 2014, arXiv 1412.6980): the second moment is a decaying maximum."""

HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "x": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    x = max(b2 * s["x"], abs(g) + eps)
    return bias_correct(m, b1) / x, {"m": m, "x": x}
