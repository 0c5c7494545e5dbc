"""Nesterov's accelerated gradient (1983), in the form of Sutskever et al. (2013): b <- mu b + g, u = g + mu b."""

HYPER = {"mu": 0.9}


def init(shape, kind):
    return {"b": zeros(shape)}


def update(w, g, s, t, kind):
    b = accumulate(s["b"], g, mu)
    return accumulate(b, g, mu), {"b": b}
