"""Bosse, Byrka, Markakis, WINE 2007, first algorithm: (3 - sqrt 5) / 2 = 0.381966..."""

x, y = ZeroSum(U1 - U2)
wlog(f1(x, y) >= f2(x, y))
r: P1 = BestResponse(y)
b: P2 = BestResponse(r)
