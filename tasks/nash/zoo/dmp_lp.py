"""Daskalakis, Mehta, Papadimitriou, EC 2007: (3 - sqrt 5) / 2 = 0.381966..."""

a, b, x, y, v1, v2 = SampleLP()
wlog(v1 >= v2)
r: P1 = BestResponse(b)
