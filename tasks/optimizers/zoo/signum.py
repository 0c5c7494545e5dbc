"""Signum (Bernstein et al. 2018, arXiv 1802.04434): the sign of the momentum."""

HYPER = {"b1": 0.9}


def init(shape, kind):
    return {"m": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    return sign(m), {"m": m}
