"""Three players from two: Briest, Goldberg, Roeglin 2008; Hemon, de Rougemont, Santha 2008. 1/(2 - 1/3) = 3/5."""

z: P3 = Random()
x, y = Approximate(z, 1/3)
w: P3 = BestResponse(x, y)
