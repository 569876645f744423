//! A handful of worlds, in a few seconds; `make sim` runs many.

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
