"""Czumaj, Deligkas, Fasoulakis, Fearnley, Jurdzinski, Savani, WINE 2016 (arXiv 1512.03315): (3 - sqrt 5) / 2."""

x, y = ZeroSum(U1)
u, v = ZeroSum(-U2)
wlog(U1(x, y) >= U2(u, v))
j: P2 = BestResponse(x)
r: P1 = BestResponse(j)
