//! The one suite that every store passes: small named cases, each on a store of its own.
//!
//! [`store_conformance!`](crate::store_conformance) turns every case into a test of its own name. Cases know only the
//! ports; what a backend does beyond them is tested beside the backend.

pub mod directory;
pub mod ledger;
pub mod limits;
pub mod listings;
pub mod mails;
pub mod outbox;
mod samples;

use std::future::Future;
use std::sync::Arc;

/// Makes one `#[tokio::test]` for each case, in a module for each subject.
///
/// Takes the path of an `async fn() -> (Arc<dyn Store>, impl Sized)` that makes an empty store; the second
/// value (a temporary folder, a server) is kept until the case is over.
#[macro_export]
macro_rules! store_conformance {
    ($make:path) => {
        $crate::store_conformance! { @cases $make;
            directory:
                nothing_is_there_at_first,
                an_account_comes_back_as_saved,
                accounts_come_by_name,
                an_account_is_made_once,
                a_stale_account_is_refused_with_its_audit,
                of_concurrent_account_changes_one_wins,
                the_audit_log_is_newest_first,
                the_audit_log_of_one_moment_is_last_written_first,
                a_user_comes_back_as_saved,
                a_user_is_made_once,
                a_stale_user_is_refused_with_its_audit,
                of_concurrent_user_changes_one_wins,
                users_come_by_address;
            listings:
                the_first_listing_is_the_default,
                each_sender_has_its_own_default,
                another_listing_takes_the_default_over,
                the_default_is_not_given_up_by_saving,
                concurrent_first_listings_leave_one_default,
                concurrent_takers_leave_one_default,
                deleting_the_default_hands_it_to_the_oldest,
                deleting_another_listing_leaves_the_default,
                deleting_who_is_not_there_does_nothing,
                a_deleted_user_may_be_listed_again,
                listings_cover_address_and_domain_but_no_parent,
                listings_put_the_default_first,
                odd_addresses_stay_apart,
                an_invitation_is_found_by_its_hash;
            ledger:
                a_claimed_row_comes_back_as_claimed,
                a_second_claim_shows_the_row_as_it_is_now,
                of_concurrent_claims_one_is_new,
                an_update_counts_the_version_up,
                a_stale_update_changes_nothing,
                an_update_of_no_row_is_refused,
                of_concurrent_updates_one_wins,
                a_reference_leads_to_its_row,
                the_first_row_keeps_a_reference,
                concurrent_bringers_agree_on_one,
                a_stale_update_brings_no_reference,
                a_reference_given_up_is_free,
                a_reference_is_forgotten_with_its_row,
                rows_of_a_mail_come_by_number,
                due_rows_come_longest_due_first,
                due_rows_stop_at_the_limit,
                a_row_is_due_as_it_was_last_updated,
                waiting_rows_are_the_users_own,
                odd_ids_stay_apart,
                an_opt_out_is_the_accounts_own,
                an_opt_out_is_replaced_and_lifted;
            limits:
                a_claim_takes_its_reservations,
                a_claim_may_fill_a_counter_to_its_ceiling,
                a_claim_over_a_ceiling_stores_nothing,
                a_claim_above_the_ceiling_of_an_unused_counter_is_over,
                a_full_third_counter_leaves_the_others_alone,
                the_first_full_counter_is_named,
                two_reservations_of_one_counter_add_up,
                a_redelivery_takes_nothing,
                concurrent_claims_never_pass_a_ceiling,
                concurrent_claims_are_all_or_nothing,
                unknown_counters_are_zero,
                huge_amounts_do_not_wrap,
                an_update_gives_back_what_it_no_longer_holds,
                an_update_that_keeps_its_reservations_gives_nothing_back,
                a_stale_update_gives_nothing_back,
                concurrent_updates_give_back_once,
                giving_back_never_goes_below_zero,
                a_counter_lives_as_long_as_its_longest_reservation,
                room_given_back_can_be_taken_again;
            mails:
                a_mail_comes_back_as_stored,
                a_mail_stored_again_is_replaced,
                recent_mails_are_newest_first,
                recent_mails_of_an_account_are_its_own,
                a_megabyte_of_unicode_comes_back,
                a_message_is_first_seen_once,
                concurrent_sightings_agree,
                first_seen_outlives_a_day,
                what_has_expired_is_forgotten,
                what_must_still_be_sent_is_not_forgotten,
                forgetting_keeps_to_its_limit,
                a_forgotten_row_may_be_claimed_again;
            outbox:
                a_mail_is_posted_once,
                a_lent_mail_is_nobody_elses,
                a_lent_mail_comes_back_in_the_end,
                concurrent_takers_share_no_mail,
                due_mails_come_longest_due_first,
                a_settled_mail_is_not_taken_again,
                a_mail_put_off_is_taken_when_due,
                the_newest_mails_come_first,
                any_bytes_come_back,
                a_mail_that_must_leave_is_not_forgotten,
                the_handset_shows_the_newest_first,
                the_handset_keeps_what_arrives_twice,
                the_handset_forgets_after_a_month;
        }
    };
    (@cases $make:path; $($subject:ident: $($case:ident),+;)+) => {
        $(
            mod $subject {
                use super::*;
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        let (store, _kept) = $make().await;
                        $crate::testing::conformance::$subject::$case(store).await;
                    }
                )+
            }
        )+
    };
}

/// Runs `count` tasks that start together, each with its number; their answers in that order.
async fn race<T, F, Fut>(count: u32, task: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(u32) -> Fut,
    Fut: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(count as usize));
    let tasks: Vec<_> = (0..count)
        .map(|i| {
            let (start, task) = (Arc::clone(&start), task(i));
            tokio::spawn(async move {
                start.wait().await;
                task.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        match task.await {
            Ok(answer) => answers.push(answer),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_the_list() {
        let list = include_str!("mod.rs");
        let mut count = 0;
        for source in [
            include_str!("directory.rs"),
            include_str!("ledger.rs"),
            include_str!("limits.rs"),
            include_str!("listings.rs"),
            include_str!("mails.rs"),
            include_str!("outbox.rs"),
        ] {
            for case in source
                .split("\npub async fn ")
                .skip(1)
                .filter_map(|s| s.split('(').next())
            {
                let listed = list
                    .lines()
                    .any(|l| l.trim().trim_end_matches([',', ';']) == case);
                assert!(listed, "{case} is not in store_conformance!");
                count += 1;
            }
        }
        println!("conformance cases for stores: {count}");
        assert!(count >= 80, "only {count} cases found");
    }
}
