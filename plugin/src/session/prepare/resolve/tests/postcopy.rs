//! Its rate, and the pages that it sends.

use super::*;

fn postcopy_bandwidth(mib: u64) -> Parameter {
    Parameter {
        name: "bandwidth.postcopy",
        value: Value::UnsignedLong(mib),
    }
}

/// The owner's ceiling is of the time that the guest runs; the user's own is lower or does not count.
#[test]
fn the_owners_ceiling_of_speed_holds_in_postcopy_too() {
    let begun = |given: Option<u64>, stored, flags, observe| {
        let mut case = Case::live();
        case.policy.bandwidth_max_mib_per_s = Some(20);
        case.guest.postcopy_speed_mib_per_s = stored;
        case.options.observe = observe;
        case.request.flags |= flags;
        case.request.parameters = given.map(postcopy_bandwidth).into_iter().collect();
        let resolved = case.resolve();
        let parameters: Vec<_> = resolved.parameters.into_iter().collect();
        let named = number(&parameters, "bandwidth.postcopy");
        (named, resolved.policy.postcopy_speed_max_mib_per_s)
    };
    let with = bits::POSTCOPY;
    assert_eq!(begun(None, None, with, false), (Some(20), Some(20)));
    assert_eq!(begun(Some(0), Some(0), with, false), (Some(20), Some(20)));
    assert_eq!(begun(Some(50), None, with, false), (Some(20), Some(20)));
    assert_eq!(begun(Some(5), Some(9), with, false), (Some(5), Some(5)));
    assert_eq!(begun(None, Some(9), with, false), (None, Some(9)), "stands");
    assert_eq!(begun(None, None, 0, false), (None, None), "never needed");
    assert_eq!(begun(None, None, with, true), (None, None), "an observer");
}

/// One page of 1 GiB takes 0.65 to 2 s. What the user or a deadline asks for is begun, aloud.
#[test]
fn with_huge_pages_postcopy_is_nobodys_choice_but_the_users_and_the_deadlines() {
    let resolved = |page_bytes, deadline: Option<DeadlineAction>, flags| {
        let mut case = Case::live();
        case.policy.postcopy_allowed = Some(true);
        case.guest.page_bytes = page_bytes;
        case.request.flags |= flags;
        case.options.deadline = deadline.map(|then| flags::Deadline {
            seconds: 60,
            then: Some(then),
        });
        let resolved = case.resolve();
        let warned = resolved.warnings.iter().any(|w| w.contains("1 GiB"));
        (resolved.law, resolved.flags & bits::POSTCOPY != 0, warned)
    };
    let (may, not) = (LawName::AdaptiveOrPostcopy, LawName::Adaptive);
    assert_eq!(resolved(None, None, 0), (may, true, false));
    assert_eq!(resolved(Some(2 << 20), None, 0), (may, true, false));
    assert_eq!(resolved(Some(1 << 30), None, 0), (not, false, false));
    let over = Some(DeadlineAction::Postcopy);
    assert_eq!(resolved(Some(1 << 30), over, 0), (not, true, true));
    let asked = resolved(Some(1 << 30), None, bits::POSTCOPY);
    assert_eq!(asked, (not, true, true));
}
