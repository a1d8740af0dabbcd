//! The true values of every case: the committed digest, whatever adds in whatever order.

use std::fs;
use std::path::Path;

use mmt_golden::compute::Order;
use mmt_golden::pack;
use mmt_golden::row::Tier;
use mmt_golden::write::compute_all;

/// Half a minute where everything is optimized, some minutes where it is not.
#[test]
#[ignore = "computes every case twice: cargo test --release -p mmt-catalog --test core -- --ignored"]
fn the_core_bundle_has_its_digest_in_both_orders() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/core.digest");
    let digest = fs::read_to_string(path).unwrap();
    let rows = mmt_catalog::of_tier(Tier::Core);
    for order in [Order::Forward, Order::Reverse] {
        let cases = compute_all(&rows, &mmt_catalog::ops(), order, &[], &|_, _| ()).unwrap();
        let whole = pack::manifest(cases.into_iter().map(|packed| packed.entry).collect(), Tier::Core, None);
        assert_eq!(whole.digest_truth, digest.trim(), "{order:?}");
    }
}
