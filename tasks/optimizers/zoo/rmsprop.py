"""RMSprop (Tieleman and Hinton 2012): the gradient over the root of its mean square."""

HYPER = {"alpha": 0.99, "eps": 1e-8}


def init(shape, kind):
    return {"v": zeros(shape)}


def update(w, g, s, t, kind):
    v = ema(s["v"], square(g), alpha)
    return g / (sqrt(v) + eps), {"v": v}
