"""SGD with momentum (Polyak 1964): b <- mu b + g, u = b."""

HYPER = {"mu": 0.9}


def init(shape, kind):
    return {"b": zeros(shape)}


def update(w, g, s, t, kind):
    b = accumulate(s["b"], g, mu)
    return b, {"b": b}
