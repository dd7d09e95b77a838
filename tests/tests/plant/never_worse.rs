//! Whatever plain virsh moves, ours moves: no later than 1.5 times its time and 2 s.

use libvirt_hpc_tests::draw::Case;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_stock_ends_ours_ends(
        seed in 0..1_000_000_u64,
        number in 0..5_u64,
        beside_share in prop_oneof![Just(0.0), 0.0..0.3_f64],
        delta_percent in prop_oneof![Just(10_u64), 1..100_u64],
    ) {
        let mut case = Case::draw(seed, number);
        // A share of what 300 ms carry is pending beside memory; no bitmap or device has more than a gigabyte.
        let carried = case.config.guest.data_bytes() as f64 / case.first_round.as_secs_f64();
        case.config.qemu.beside_bytes = (beside_share * carried).min(1e9) as u64;
        let horizon = case.first_round * 20 + Duration::from_secs(60);
        let stock = Plant::new(&case.config).run(horizon);
        prop_assume!(stock.end == End::Completed);
        let delta = Slowdown::from_ppm(delta_percent * 10_000);
        let law = Adaptive::new(delta);
        let (got, _) = steer_for(100_000, &mut Plant::new(&case.config), law, Policy::default());
        prop_assert_eq!(got.end, End::Completed, "stock: {:?}", stock);
        let most = stock.total.mul_f64(1.5) + Duration::from_secs(2);
        prop_assert!(got.total <= most, "{:?} against {:?}", got, stock);
    }
}
