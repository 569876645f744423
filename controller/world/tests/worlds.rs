//! A handful of worlds, in a few seconds; `make sim` runs many.

use world::fleet::Sum;
use world::{Options, run};

#[test]
fn a_seed_is_the_same_world_each_time() {
    let options = Options::default();
    for seed in 1..5 {
        assert_eq!(
            run(seed, &options).hash,
            run(seed, &options).hash,
            "seed {seed}"
        );
    }
    // The control: another seed is another world.
    assert_ne!(run(1, &options).hash, run(2, &options).hash);
}

#[test]
fn nothing_that_must_not_happen_happens_in_the_first_worlds() {
    let mut sum = Sum::default();
    for seed in 1..=12 {
        sum.add(run(seed, &Options::default()));
    }
    assert_eq!(sum.violations, []);
    assert_eq!((sum.duplicates, sum.leaks), (0, 0));
    // The control: much was done, and much went wrong.
    assert!(sum.launches > 50 && sum.struck() > 200 && sum.evaluated > 10_000);
}
