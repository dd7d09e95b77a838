//! Medians and means.

/// The median; of an even number, the mean of the two in the middle. None of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The geometric mean. None of nothing, or if a value is not above zero.
pub(super) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut logs, mut count) = (0.0, 0.0);
    for value in values {
        if value.is_nan() || value <= 0.0 {
            return None;
        }
        logs += value.ln();
        count += 1.0;
    }
    (count > 0.0).then(|| f64::exp(logs / count))
}

/// The mean. None of nothing.
pub(super) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then_some(sum / count)
}

/// The standard error of the mean. None of fewer than two.
pub(super) fn standard_error(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let values: Vec<_> = values.into_iter().collect();
    let mean = mean(values.iter().copied())?;
    let (mut squares, mut count) = (0.0, 0.0);
    for value in values {
        squares += (value - mean).powi(2);
        count += 1.0;
    }
    (count > 1.0).then(|| f64::sqrt(squares / (count - 1.0) / count))
}

/// The greatest. None of nothing.
pub(super) fn greatest(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    values.into_iter().reduce(f64::max)
}
