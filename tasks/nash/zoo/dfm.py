"""Deligkas, Fasoulakis, Markakis, ESA 2022: 1/3."""

x, y, w, z = StationaryPoint()
wlog(f1(w, z) >= f2(w, z))
m: P2 = Mix(y, z, 1/2)
r: P1 = BestResponse(m)
