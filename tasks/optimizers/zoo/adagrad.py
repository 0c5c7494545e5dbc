"""Adagrad (Duchi, Hazan and Singer 2011): the gradient over the root of its summed squares."""

HYPER = {"eps": 1e-10}


def init(shape, kind):
    return {"v": zeros(shape)}


def update(w, g, s, t, kind):
    v = s["v"] + square(g)
    return g / (sqrt(v) + eps), {"v": v}
