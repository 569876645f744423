//! Least squares with forgetting: learns how much each of a few signs tells.

/// How many signs are weighed.
pub(super) const SIGNS: usize = 9;
/// So many observations pull as strongly towards "tells nothing" as the data pulls away from it.
const DOUBT: f64 = 30.0;
/// Share of the signs' mean energy that is added to each, so that signs that are seldom seen, or that say the same, stay tame.
const RIDGE: f64 = 1e-3;
/// The weights are worked out anew after so many observations: they move slowly, and solving costs more than learning.
const SOLVE_EVERY: u32 = 10;

/// Values of the signs at one moment.
pub(super) type Signs = [f64; SIGNS];

/// Weighted ridge regression towards zero.
#[derive(Debug, Clone)]
pub(super) struct Regression {
    /// What is left of an observation when the next one comes.
    keep: f64,
    energy: [Signs; SIGNS],
    moment: Signs,
    weight: f64,
    found: Signs,
    since: u32,
}

impl Regression {
    /// Knows nothing. `memory` is in observations.
    pub(super) fn new(memory: f64) -> Self {
        Self {
            keep: 1.0 - 1.0 / memory,
            energy: [[0.0; SIGNS]; SIGNS],
            moment: [0.0; SIGNS],
            weight: 0.0,
            found: [0.0; SIGNS],
            since: 0,
        }
    }

    pub(super) fn predict(&self, signs: &Signs) -> f64 {
        signs.iter().zip(&self.found).map(|(a, b)| a * b).sum()
    }

    /// Hears what came of `signs`. `weight` is one over the variance that was expected.
    pub(super) fn learn(&mut self, signs: &Signs, outcome: f64, weight: f64) {
        for (i, row) in self.energy.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate().take(i + 1) {
                *cell = self.keep * *cell + weight * signs[i] * signs[j];
            }
            self.moment[i] = self.keep * self.moment[i] + weight * signs[i] * outcome;
        }
        self.weight = self.keep * self.weight + 1.0;
        self.since += 1;
        if self.since >= SOLVE_EVERY {
            self.since = 0;
            self.found = self.solve();
        }
    }

    /// Solves by Cholesky's factors.
    fn solve(&self) -> Signs {
        let mut lower = self.energy;
        let mean = (0..SIGNS).map(|i| lower[i][i]).sum::<f64>() / SIGNS as f64;
        let mut x = self.moment;
        for i in 0..SIGNS {
            lower[i][i] += RIDGE * (mean + lower[i][i]) + lower[i][i] * DOUBT / self.weight;
            for j in 0..=i {
                let rest: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
                let left = lower[i][j] - rest;
                lower[i][j] = if i == j {
                    // A load that never moves leaves nothing to learn; then every weight is zero.
                    left.max(f64::MIN_POSITIVE).sqrt()
                } else {
                    left / lower[j][j]
                };
            }
        }
        for i in 0..SIGNS {
            let known: f64 = (0..i).map(|k| lower[i][k] * x[k]).sum();
            x[i] = (x[i] - known) / lower[i][i];
        }
        for i in (0..SIGNS).rev() {
            let known: f64 = (i + 1..SIGNS).map(|k| lower[k][i] * x[k]).sum();
            x[i] = (x[i] - known) / lower[i][i];
        }
        if x.iter().all(|x| x.is_finite()) {
            x
        } else {
            self.found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_each_sign_tells() {
        let mut regression = Regression::new(10_000.0);

        for k in 0..2_000 {
            let signs: Signs =
                std::array::from_fn(|i| ((k * k * (i + 3) + k * (i * i + 1)) % 31) as f64 - 15.0);
            regression.learn(&signs, 2.0 * signs[0] - 0.5 * signs[3], 1.0);
        }

        let told = regression.predict(&std::array::from_fn(|i| f64::from(i == 0)));
        assert!((told - 2.0).abs() < 0.2, "{told}");
    }

    #[test]
    fn signs_that_never_move_tell_nothing() {
        let mut regression = Regression::new(100.0);

        for _ in 0..50 {
            regression.learn(&[0.0; SIGNS], 5.0, 1.0);
        }

        assert!(regression.predict(&[1.0; SIGNS]).abs() < 1e-9);
    }
}
