//! Every check of the suite, by name: said once, for every store.

/// Calls a macro with all of them.
macro_rules! every_check {
    ($call:ident) => {
        $call! {
            a_spec_applied_twice_is_one_generation
            an_apply_against_an_older_generation_changes_nothing
            a_subnet_with_instances_keeps_its_range_its_gateway_and_their_addresses
            a_subnet_without_instances_may_change
            of_many_applies_at_once_against_one_generation_one_wins
            a_public_address_has_one_owner_until_it_is_given_up
            of_many_tenants_that_want_one_address_one_gets_it
            a_pause_survives_a_restart_and_an_apply
            a_number_outside_the_bounds_is_refused
            a_destroy_of_another_generation_or_of_nobody_is_refused
            a_tenant_that_comes_back_counts_on
            a_tenant_that_still_has_an_instance_cannot_be_closed
            what_was_recorded_is_loaded_after_a_restart_and_what_is_over_is_not
            loads_are_found_for_four_weeks_and_everything_else_for_as_long_as_was_asked
            the_spec_of_an_entry_is_the_one_that_was_in_force_then
            the_deployment_and_the_steady_clock_are_the_same_after_a_restart
            times_before_the_service_began_are_kept_as_they_are
            a_tick_that_thought_about_replaced_orders_writes_nothing
            a_tick_that_thought_about_a_replaced_spec_or_lost_its_tenant_writes_nothing
            a_thousand_instances_are_one_record
            an_alarm_is_written_down_of_whoever_is_known
        }
    };
}
