"""NAdamW (Dozat 2016) in the form of the AlgoPerf benchmark: the first moment is averaged with the gradient twice."""

HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    n = ema(m, g, b1)
    u = bias_correct(n, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
