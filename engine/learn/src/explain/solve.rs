//! Solve: small symmetric positive definite systems, by Cholesky's factors.

use crate::control::{Interrupt, JobControl, check};

/// Lower triangular factor, row-major.
pub(super) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors of a symmetric matrix, row-major; none where it is not positive definite.
    ///
    /// # Errors
    /// An interruption.
    pub fn of(matrix: &[f64], size: usize, control: &dyn JobControl) -> Result<Option<Self>, Interrupt> {
        let mut lower = vec![0.0; size * size];
        for i in 0..size {
            check(control)?;
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
                let rest = matrix[i * size + j] - sum;
                if i == j {
                    // Rounding leaves about this much of a singular matrix' pivot.
                    if rest.is_nan() || rest <= 1e-13 * matrix[i * size + i].abs() {
                        return Ok(None);
                    }
                    lower[i * size + i] = rest.sqrt();
                } else {
                    lower[i * size + j] = rest / lower[j * size + j];
                }
            }
        }
        Ok(Some(Self { size, lower }))
    }

    /// The solution for a right side.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (size, mut x) = (self.size, right.to_vec());
        for i in 0..size {
            let sum: f64 = (0..i).map(|k| self.lower[i * size + k] * x[k]).sum();
            x[i] = (x[i] - sum) / self.lower[i * size + i];
        }
        for i in (0..size).rev() {
            let sum: f64 = (i + 1..size).map(|k| self.lower[k * size + i] * x[k]).sum();
            x[i] = (x[i] - sum) / self.lower[i * size + i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Unwatched;
    use crate::explain::tests::After;

    #[test]
    fn a_solution_solves() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let right = [1.0, -2.0, 3.0];
        let factors = Cholesky::of(&matrix, 3, &Unwatched).expect("not interrupted");
        let x = factors.expect("positive definite").solve(&right);
        for (row, right) in matrix.chunks(3).zip(right) {
            let found: f64 = row.iter().zip(&x).map(|(a, b)| a * b).sum();
            assert!((found - right).abs() < 1e-12);
        }
        let singular = Cholesky::of(&[1.0, 2.0, 2.0, 4.0], 2, &Unwatched).expect("not interrupted");
        assert!(singular.is_none());
        let ended = After::new(2);
        assert!(matches!(Cholesky::of(&matrix, 3, &ended), Err(Interrupt::Cancelled)));
        assert_eq!(ended.looks(), 3, "not a row more");
    }
}
