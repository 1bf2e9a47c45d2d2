// Package stats holds the few distributions that baselines are judged by. Pure
// functions and small values.
package stats

import "math"

// LogBeta returns the logarithm of the beta function of a and b, both positive.
func LogBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}

// BetaInc returns the regularised incomplete beta function I_x(a, b): a and b
// positive, x in [0, 1]. Lentz's evaluation of its continued fraction (Abramowitz
// and Stegun 26.5.8), to about 1e-12.
func BetaInc(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		// Not by calling itself: rounding can put 1-x beyond that point as well.
		return 1 - betaBelow(b, a, 1-x)
	default:
		return betaBelow(a, b, x)
	}
}

// betaBelow is BetaInc where the fraction converges fast.
func betaBelow(a, b, x float64) float64 {
	front := math.Exp(a*math.Log(x)+b*math.Log1p(-x)-LogBeta(a, b)) / a
	return min(1, max(0, front*betaFraction(a, b, x)))
}

func betaFraction(a, b, x float64) float64 {
	const tiny, enough, most = 1e-300, 1e-13, 500
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i <= most; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+even*d)
		c = away(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+odd*d)
		c = away(1 + odd/c)
		h *= d * c
		if math.Abs(d*c-1) < enough {
			break
		}
	}
	return h
}

// CountTail returns P(Y >= y) for a count of the given mean and variance: the
// negative binomial where the variance exceeds the mean, else Poisson. A mean of
// 0 makes every count above 0 impossible.
func CountTail(y int, mean, variance float64) float64 {
	switch {
	case y <= 0:
		return 1
	case !(mean > 0):
		return 0
	case variance > mean*(1+1e-9):
		k := mean * mean / (variance - mean)
		// P(Y >= y) = I_{1-s}(y, k) with success probability s.
		return BetaInc(float64(y), k, mean/(k+mean))
	}
	return poissonTail(y, mean)
}

// poissonTail sums the shorter side of the distribution.
func poissonTail(y int, mean float64) float64 {
	lg, _ := math.Lgamma(float64(y) + 1)
	term := math.Exp(float64(y)*math.Log(mean) - mean - lg)
	if float64(y) > mean {
		sum := 0.0
		for i := y; term > sum*1e-16 && i < y+10_000; i++ {
			sum += term
			term *= mean / float64(i+1)
		}
		return min(1, sum)
	}
	below := 0.0
	for i := y; i > 0; i-- {
		term *= float64(i) / mean
		below += term
		if term < below*1e-16 {
			break
		}
	}
	return max(0, min(1, 1-below))
}

// BetaBinomialTail returns P(K >= k) of k out of n with the success probability
// distributed as Beta(a, b); a and b positive. It sums the side of the mean that k
// is on.
func BetaBinomialTail(k, n int, a, b float64) float64 {
	if k <= 0 {
		return 1
	}
	if k > n {
		return 0
	}
	if float64(k) <= float64(n)*a/(a+b) {
		// K of n with Beta(a, b) is n-K with Beta(b, a).
		return max(0, 1-betaBinomialSum(n-k+1, n, b, a))
	}
	return betaBinomialSum(k, n, a, b)
}

// betaBinomialSum is P(K >= k) for a k above the mean.
func betaBinomialSum(k, n int, a, b float64) float64 {
	lg := func(v float64) float64 { r, _ := math.Lgamma(v); return r }
	choose := lg(float64(n)+1) - lg(float64(k)+1) - lg(float64(n-k)+1)
	term := math.Exp(choose + LogBeta(float64(k)+a, float64(n-k)+b) - LogBeta(a, b))
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += term
		if i < n {
			term *= float64(n-i) / float64(i+1) * (float64(i) + a) / (float64(n-i-1) + b)
		}
		if term < sum*1e-15 {
			break
		}
	}
	return min(1, sum)
}
