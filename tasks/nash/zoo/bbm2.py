"""Bosse, Byrka, Markakis, WINE 2007, second algorithm: 0.36392. The weight of r depends on the regret g."""

x, y = ZeroSum(U1 - U2)
wlog(f1(x, y) >= f2(x, y))
r: P1 = BestResponse(y)
g = f1(x, y)
if g <= 1/3:
    b: P2 = BestResponse(x)
elif g*g*g - g*g - 2*g + 1 >= 0:
    s = sqrt((4*g - 2*g*g - 1) / (g * (1 - 2*g)))
    m: P1 = Mix(r, x, (1 - g) * (s - 1))
    b: P2 = BestResponse(m)
else:
    b: P2 = BestResponse(r)
