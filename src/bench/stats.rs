//! Statistics that a few wild samples do not disturb.

/// Resamplings of a bootstrap.
const RESAMPLINGS: usize = 1000;
/// Samples that are drawn together. Neighbours in time resemble each other: the machine
/// is slower for a while. Drawn one by one they would promise more than they know.
const BLOCK: usize = 5;
/// What makes a median absolute deviation comparable to a standard deviation.
const AS_DEVIATION: f64 = 1.4826;
/// Deviations beyond which a sample counts as an outlier.
const OUTLYING: f64 = 5.0;

/// A range that holds the true value with a probability of 95 %.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The middle value, or the mean of the two in the middle; 0 for none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    median_of(&mut sorted)
}

/// The same, which puts the values into another order.
fn median_of(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    match even {
        true => (below.iter().copied().fold(f64::MIN, f64::max) + upper) / 2.0,
        false => upper,
    }
}

/// Median absolute deviation: half of the values lie closer to the median.
pub fn mad(values: &[f64]) -> f64 {
    let middle = median(values);
    let mut distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    median_of(&mut distances)
}

/// How many values lie far from the others.
pub fn outliers(values: &[f64]) -> usize {
    let (middle, limit) = (median(values), mad(values) * AS_DEVIATION * OUTLYING);
    values.iter().filter(|v| (*v - middle).abs() > limit).count()
}

/// Where the true median lies, as the bootstrap over blocks of neighbouring samples
/// sees it (Künsch 1989, in the circular form of Politis and Romano 1992).
pub fn median_interval(values: &[f64]) -> Interval {
    let mut random = fastrand::Rng::with_seed(1);
    percentiles((0..RESAMPLINGS).map(|_| resampled_median(values, &mut random)).collect())
}

/// Where the true quotient of two medians lies, the second divided by the first.
pub fn quotient_interval(first: &[f64], second: &[f64]) -> Interval {
    let mut random = fastrand::Rng::with_seed(1);
    let quotient = |_| {
        let below = resampled_median(first, &mut random);
        resampled_median(second, &mut random) / below.max(f64::MIN_POSITIVE)
    };
    percentiles((0..RESAMPLINGS).map(quotient).collect())
}

fn resampled_median(values: &[f64], random: &mut fastrand::Rng) -> f64 {
    let count = values.len();
    let block = BLOCK.min(count.div_ceil(2)).max(1);
    let mut drawn = Vec::with_capacity(count + block);
    while drawn.len() < count {
        let start = random.usize(..count);
        drawn.extend((start..start + block).map(|at| values[at % count]));
    }
    drawn.truncate(count);
    median_of(&mut drawn)
}

fn percentiles(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Interval { low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers about 100, spread by 10, one after the other independent.
    fn noise(seed: u64, count: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| 100.0 + (0..4).map(|_| random.f64() * 5.0 - 2.5).sum::<f64>()).collect()
    }

    #[test]
    fn medians_and_deviations() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!((median(&[]), mad(&[])), (0.0, 0.0));
        assert_eq!(mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), 1.0);
    }

    #[test]
    fn one_wild_value_changes_little() {
        let mut values = noise(7, 50);
        let (before, spread) = (median(&values), mad(&values));
        values[3] = 1e9;
        assert!((median(&values) - before).abs() < 1.0);
        assert!((mad(&values) - spread).abs() < 1.0);
        assert_eq!(outliers(&values), 1);
        assert!(median_interval(&values).high < 110.0);
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let held = (0..200)
            .filter(|seed| {
                let interval = median_interval(&noise(*seed, 60));
                interval.low <= 100.0 && 100.0 <= interval.high
            })
            .count();
        assert!((170..=200).contains(&held), "{held} of 200");
    }

    #[test]
    fn drift_widens_the_interval() {
        let steady = noise(3, 100);
        // As many values of each kind, in runs of 20.
        let drifting: Vec<f64> =
            (0..100).map(|i| steady[i] + if i / 20 % 2 == 0 { 0.0 } else { 30.0 }).collect();
        let width = |i: Interval| i.high - i.low;
        assert!(width(median_interval(&drifting)) > 5.0 * width(median_interval(&steady)));
    }

    #[test]
    fn quotients() {
        let (first, second) = (noise(1, 80), noise(2, 80));
        let twice: Vec<f64> = second.iter().map(|v| v * 2.0).collect();
        let same = quotient_interval(&first, &second);
        assert!(same.low < 1.0 && 1.0 < same.high, "{same:?}");
        let double = quotient_interval(&first, &twice);
        assert!(1.9 < double.low && double.high < 2.1, "{double:?}");
    }
}
