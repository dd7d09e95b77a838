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
        beside_ms in prop_oneof![Just(0), 0..300_u64],
        delta_percent in prop_oneof![Just(10_u64), 1..100_u64],
    ) {
        let mut case = Case::draw(seed, number);
        // So many milliseconds of the link are pending beside memory; no bitmap or device has more than a gigabyte.
        let first_round_ms = u64::try_from(case.first_round.as_millis())?.max(1);
        let a_ms = case.config.guest.data_bytes() / first_round_ms;
        case.config.qemu.beside_bytes = a_ms.saturating_mul(beside_ms).min(1000 * MB);
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
