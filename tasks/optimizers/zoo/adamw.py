"""AdamW: Adam (Kingma and Ba 2014, arXiv 1412.6980) with decoupled decay (Loshchilov and Hutter 2017, 1711.05101)."""

HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
