"""AdaBelief (Zhuang et al. 2020, arXiv 2010.07468): Adam with the mean square of what the momentum did not foresee."""

HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-16}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g - m), b2) + eps
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
