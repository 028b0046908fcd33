//! Names and codes of events: `family.subject.what`, never renamed, codes never re-used.
//!
//! Source: the vocabularies of ONVIF Access Control and IEC 60839-11-1 Table 3, extended by the families 0x0B–0x0E of the
//! server. `docs/taxonomy.golden.txt` is the checked-in copy; a test compares.

macro_rules! codes {
    ($($code:literal $variant:ident $name:literal;)*) => {
        /// What happened.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum EventCode {
            $(#[doc = concat!("`", $name, "`")] $variant = $code,)*
        }

        impl EventCode {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The code of a number; `None` for what this version does not know (store it, show it, do not apply it).
            pub fn from_u16(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    0x0101 AccessRequested "access.requested";
    0x0102 AccessGranted "access.granted";
    0x0103 AccessDenied "access.denied";
    0x0104 AccessTaken "access.taken";
    0x0105 AccessNotTaken "access.not_taken";
    0x0106 AccessGrantedDuress "access.granted_duress";
    0x0107 AccessOverride "access.override";
    0x0108 AccessExitFree "access.exit_free";
    0x0109 AccessAnonymous "access.anonymous";
    0x0110 AccessSecondFactorWanted "access.second_factor_wanted";
    0x0111 AccessSecondFactorTimeout "access.second_factor_timeout";
    0x0201 CredentialUnknown "credential.unknown";
    0x0202 CredentialMalformed "credential.malformed";
    0x0203 CredentialStaleRead "credential.stale_read";
    0x0204 CredentialReplayed "credential.replayed";
    0x0205 CredentialCloneSuspected "credential.clone_suspected";
    0x0206 CredentialLockoutStarted "credential.lockout_started";
    0x0207 CredentialLockoutEnded "credential.lockout_ended";
    0x0208 CredentialRevokedApplied "credential.revoked_applied";
    0x0301 DoorOpened "door.opened";
    0x0302 DoorClosed "door.closed";
    0x0303 DoorForcedOpen "door.forced_open";
    0x0304 DoorForcedOpenCleared "door.forced_open_cleared";
    0x0305 DoorHeldWarning "door.held_warning";
    0x0306 DoorHeldOpen "door.held_open";
    0x0307 DoorHeldCleared "door.held_cleared";
    0x0308 DoorLocked "door.locked";
    0x0309 DoorUnlocked "door.unlocked";
    0x030A DoorLockFault "door.lock_fault";
    0x030B DoorModeChanged "door.mode_changed";
    0x030C DoorInterlockBlocked "door.interlock_blocked";
    0x030D DoorRexPressed "door.rex_pressed";
    0x030E DoorRexStuck "door.rex_stuck";
    0x0401 TamperReader "tamper.reader";
    0x0402 TamperEnclosure "tamper.enclosure";
    0x0403 TamperInputShort "tamper.input_short";
    0x0404 TamperInputOpen "tamper.input_open";
    0x0405 TamperOsdpDowngrade "tamper.osdp_downgrade";
    0x0406 TamperOsdpKey "tamper.osdp_key";
    0x0501 PowerMainsLost "power.mains_lost";
    0x0502 PowerMainsRestored "power.mains_restored";
    0x0503 PowerStandbyFault "power.standby_fault";
    0x0504 FireAlarm "fire.alarm";
    0x0505 FireCleared "fire.cleared";
    0x0601 DeviceOnline "device.online";
    0x0602 DeviceOffline "device.offline";
    0x0603 DeviceFault "device.fault";
    0x0604 DeviceIdentityChanged "device.identity_changed";
    0x0605 DeviceStale "device.stale";
    0x0611 CameraHeartbeatLost "camera.heartbeat_lost";
    0x0612 CameraTampered "camera.tampered";
    0x0613 CameraRetentionShort "camera.retention_short";
    0x0614 CameraRestored "camera.restored";
    0x0621 EnvReading "env.reading";
    0x0622 EnvThreshold "env.threshold";
    0x0701 GatewayStarted "gateway.started";
    0x0702 GatewayStopping "gateway.stopping";
    0x0703 GatewayConfigEntered "gateway.config_entered";
    0x0704 GatewayConfigLeft "gateway.config_left";
    0x0711 ClockSynced "clock.synced";
    0x0712 ClockHoldover "clock.holdover";
    0x0713 ClockUntrusted "clock.untrusted";
    0x0714 ClockStepped "clock.stepped";
    0x0715 ClockSuspect "clock.suspect";
    0x0721 JournalTailTruncated "journal.tail_truncated";
    0x0722 JournalNearlyFull "journal.nearly_full";
    0x0723 JournalFull "journal.full";
    0x0724 JournalForkDetected "journal.fork_detected";
    0x0725 JournalCheckpoint "journal.checkpoint";
    0x0726 JournalSpaceRestored "journal.space_restored";
    0x0731 SyncOnline "sync.online";
    0x0732 SyncOffline "sync.offline";
    0x0733 SyncTierChanged "sync.tier_changed";
    0x0734 SnapshotApplied "snapshot.applied";
    0x0735 SnapshotRejected "snapshot.rejected";
    0x0741 CommandExecuted "command.executed";
    0x0742 CommandExpired "command.expired";
    0x0743 CommandRejected "command.rejected";
    0x0801 ApbViolation "apb.violation";
    0x0802 ApbForgiven "apb.forgiven";
    0x0803 ApbDegraded "apb.degraded";
    0x0811 ZoneEntered "zone.entered";
    0x0812 ZoneLeft "zone.left";
    0x0813 ZoneCountChanged "zone.count_changed";
    0x0814 ZoneLimitReached "zone.limit_reached";
    0x0815 ZoneCountDiscrepancy "zone.count_discrepancy";
    0x0816 ZoneRecalibrated "zone.recalibrated";
    0x0821 TailgateSuspected "tailgate.suspected";
    0x0822 TailgateDismissed "tailgate.dismissed";
    0x0901 PresenceArrived "presence.arrived";
    0x0902 PresenceConfirmed "presence.confirmed";
    0x0903 PresenceAway "presence.away";
    0x0904 PresenceReturned "presence.returned";
    0x0905 PresenceDeparted "presence.departed";
    0x0906 PresenceUnknown "presence.unknown";
    0x0911 SeatOccupied "seat.occupied";
    0x0912 SeatVacated "seat.vacated";
    0x0913 SeatSensorUnknown "seat.sensor_unknown";
    0x0914 SeatMismatch "seat.mismatch";
    0x0921 CheckinDone "checkin.done";
    0x0922 CheckoutDone "checkout.done";
    0x0923 NoshowWarned "noshow.warned";
    0x0924 NoshowReleased "noshow.released";
    0x0925 NoshowSuppressed "noshow.suppressed";
    0x0931 MusterStarted "muster.started";
    0x0932 MusterAccounted "muster.accounted";
    0x0933 MusterUnaccounted "muster.unaccounted";
    0x0934 MusterClosed "muster.closed";
    0x0A01 NetJoined "net.joined";
    0x0A02 NetLeft "net.left";
    0x0A03 NetDenied "net.denied";
    0x0A04 NetSessionLost "net.session_lost";
    0x0B01 BookingMade "booking.made";
    0x0B02 BookingCancelled "booking.cancelled";
    0x0B03 BookingRefused "booking.refused";
    0x0B04 BookingReleased "booking.released";
    0x0B05 BookingRestored "booking.restored";
    0x0B06 BookingExtended "booking.extended";
    0x0B11 VisitInvited "visit.invited";
    0x0B12 VisitCancelled "visit.cancelled";
    0x0B13 VisitRefused "visit.refused";
    0x0B14 VisitArrived "visit.arrived";
    0x0B15 VisitLeft "visit.left";
    0x0B20 SeriesMade "series.made";
    0x0B21 SeriesChanged "series.changed";
    0x0B22 SeriesCancelled "series.cancelled";
    0x0B23 SeriesRestored "series.restored";
    0x0B24 SeriesExcepted "series.excepted";
    0x0B25 SeriesUnbooked "series.unbooked";
    0x0B26 SeriesMoved "series.moved";
    0x0B27 BookingLengthSet "booking.length_set";
    0x0B28 BookingHeld "booking.held";
    0x0B29 BookingConfirmed "booking.confirmed";
    0x0B2A BookingHoldExpired "booking.hold_expired";
    0x0B2B ApprovalRequested "approval.requested";
    0x0B2C ApprovalGranted "approval.granted";
    0x0B2D ApprovalDeclined "approval.declined";
    0x0B2E ApprovalRuleSet "approval_rule.set";
    0x0B2F GroupMade "group.made";
    0x0B30 BookingChanged "booking.changed";
    0x0B31 BookingChangeUndone "booking.change_undone";
    0x0B32 WaitingJoined "waiting.joined";
    0x0B33 WaitingLeft "waiting.left";
    0x0B34 WaitingOffered "waiting.offered";
    0x0B35 WaitingAccepted "waiting.accepted";
    0x0B36 WaitingDeclined "waiting.declined";
    0x0B37 WaitingLapsed "waiting.lapsed";
    0x0B38 WaitingExpired "waiting.expired";
    0x0B39 WaitingRefused "waiting.refused";
    0x0C01 PassIssued "pass.issued";
    0x0C02 PassRevoked "pass.revoked";
    0x0C03 HolderKeyRegistered "holder_key.registered";
    0x0C04 HolderKeyReplaced "holder_key.replaced";
    0x0D01 OrganisationCreated "organisation.created";
    0x0D02 SiteCreated "site.created";
    0x0D03 ZoneCreated "zone.created";
    0x0D04 DoorCreated "door.created";
    0x0D05 SeatCreated "seat.created";
    0x0D06 PersonCreated "person.created";
    0x0D07 PersonSuspended "person.suspended";
    0x0D08 SiteAccessGranted "site_access.granted";
    0x0D09 TokenCreated "token.created";
    0x0D0A TokenRevoked "token.revoked";
    0x0D0B GatewayAdded "gateway.added";
    0x0D0C GatewayEnrolled "gateway.enrolled";
    0x0D0D DeviceEnrolled "device.enrolled";
    0x0D0E DeviceRevoked "device.revoked";
    0x0D0F PolicyActivated "policy.activated";
    0x0D10 RequestRefused "request.refused";
    0x0D11 GatewayRevoked "gateway.revoked";
    0x0D12 VisitorPolicySet "visitor_policy.set";
    0x0D18 SeatPlaced "seat.placed";
    0x0D20 CommandOrdered "command.ordered";
    0x0D21 AlarmAcknowledged "alarm.acknowledged";
    0x0D30 SeatChanged "seat.changed";
    0x0D31 FloorCreated "floor.created";
    0x0D32 FloorChanged "floor.changed";
    0x0D33 PoolCreated "pool.created";
    0x0D34 PoolChanged "pool.changed";
    0x0D35 PlanDrawn "plan.drawn";
    0x0D40 QuotaSet "quota.set";
    0x0D41 QuotaChanged "quota.changed";
    0x0D42 QuotaEnded "quota.ended";
    0x0D43 PlanCreated "plan.created";
    0x0D44 PlanGiven "plan.given";
    0x0D45 PlanTaken "plan.taken";
    0x0D46 SiteAccessEnded "site_access.ended";
    0x0D47 CompanyPolicySet "company_policy.set";
    0x0D48 FairUseSet "fair_use.set";
    0x0D50 FeedCreated "feed.created";
    0x0D51 FeedRotated "feed.rotated";
    0x0D52 FeedRevoked "feed.revoked";
    0x0D53 WebhookAdded "webhook.added";
    0x0D54 WebhookChanged "webhook.changed";
    0x0D55 WebhookDisabled "webhook.disabled";
    0x0D56 WebhookReplayed "webhook.replayed";
    0x0D57 DisplayAdded "display.added";
    0x0D58 DisplayRevoked "display.revoked";
    0x0D59 BookingsExported "bookings.exported";
    0x0D60 CalendarSet "calendar.set";
    0x0D61 ClosureMade "closure.made";
    0x0D62 ClosureEnded "closure.ended";
    0x0D63 ClosureUndone "closure.undone";
    0x0D81 LogOpened "log.opened";
    0x0D82 LogCut "log.cut";
    0x0D83 LogClosed "log.closed";
    0x0D84 EvidenceExported "evidence.exported";
    0x0D85 OpeningRead "opening.read";
    0x0E01 SigninLinkRequested "signin.link_requested";
    0x0E02 SigninSucceeded "signin.succeeded";
    0x0E03 SigninRefused "signin.refused";
    0x0E04 SigninEnded "signin.ended";
    0x0E05 SetupCompleted "setup.completed";
    0x0F01 AuditGrantAfterRevocation "audit.grant_after_revocation";
    0x0F02 AuditPassDoubleUse "audit.pass_double_use";
    0x0F03 AuditGap "audit.gap";
    0x0F04 AuditLateArrival "audit.late_arrival";
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::access::Reason;
    use std::fmt::Write;

    #[test]
    fn the_taxonomy_is_the_checked_in_one() {
        let mut text = String::new();
        for code in EventCode::ALL {
            writeln!(text, "event 0x{:04X} {}", *code as u16, code.name()).unwrap();
        }
        for reason in Reason::ALL {
            writeln!(text, "reason {} {}", *reason as u8, reason.name()).unwrap();
        }
        let golden = include_str!("../../../docs/taxonomy.golden.txt");
        // Lines may be added at the end of a family; a line that is there may never change.
        assert_eq!(
            text, golden,
            "codes are never renamed or re-used; new ones are added to docs/taxonomy.golden.txt"
        );
    }

    #[test]
    fn numbers_name_one_code() {
        for code in EventCode::ALL {
            assert_eq!(EventCode::from_u16(*code as u16), Some(*code));
        }
        assert_eq!(EventCode::from_u16(0), None);
        let mut names: Vec<_> = EventCode::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventCode::ALL.len());
    }
}
