//! Wall time, with criterion: `cargo bench --bench time -- fib`.

use std::time::Duration;

use criterion::{BatchSize, Criterion};
use gene_benches::{for_each_case, prepare};

macro_rules! timed {
    ($($group:ident { $($name:ident($($part:literal),* $(,)?),)* })*) => {
        fn add_all(criterion: &mut Criterion) {
            $(
                let mut group = criterion.benchmark_group(stringify!($group));
                $(
                    group.bench_function(stringify!($name), |bencher| {
                        bencher.iter_batched(
                            || prepare(stringify!($group), stringify!($name), &[$($part),*]),
                            |case| case.run(),
                            BatchSize::PerIteration,
                        );
                    });
                )*
                group.finish();
            )*
        }
    };
}

for_each_case!(timed);

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    add_all(&mut criterion);
    criterion.final_summary();
}
