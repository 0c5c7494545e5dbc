"""AMSGrad (Reddi, Kale and Kumar 2018, arXiv 1904.09237): Adam with a second moment that never decreases."""

HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape), "x": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    x = max(s["x"], v)
    u = bias_correct(m, b1) / (sqrt(bias_correct(x, b2)) + eps)
    return u, {"m": m, "v": v, "x": x}
