package licensemanager

import (
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/timestamp"
)

// LicenseStatus is the state of a license.
type LicenseStatus string

// The license states that the API documents.
const (
	LicenseStatusAvailable        LicenseStatus = "AVAILABLE"
	LicenseStatusPendingAvailable LicenseStatus = "PENDING_AVAILABLE"
	LicenseStatusDeactivated      LicenseStatus = "DEACTIVATED"
	LicenseStatusSuspended        LicenseStatus = "SUSPENDED"
	LicenseStatusExpired          LicenseStatus = "EXPIRED"
	LicenseStatusPendingDelete    LicenseStatus = "PENDING_DELETE"
	LicenseStatusDeleted          LicenseStatus = "DELETED"
)

var licenseStatuses = []LicenseStatus{
	LicenseStatusAvailable, LicenseStatusPendingAvailable, LicenseStatusDeactivated, LicenseStatusSuspended,
	LicenseStatusExpired, LicenseStatusPendingDelete, LicenseStatusDeleted,
}

// Values returns the documented values.
func (LicenseStatus) Values() []LicenseStatus { return slices.Clone(licenseStatuses) }

// LicenseDeletionStatus is the state of the deletion of a license.
type LicenseDeletionStatus string

// The deletion states that the API documents.
const (
	LicenseDeletionStatusPendingDelete LicenseDeletionStatus = "PENDING_DELETE"
	LicenseDeletionStatusDeleted       LicenseDeletionStatus = "DELETED"
)

// Values returns the documented values.
func (LicenseDeletionStatus) Values() []LicenseDeletionStatus {
	return []LicenseDeletionStatus{LicenseDeletionStatusPendingDelete, LicenseDeletionStatusDeleted}
}

// RenewType is how often a license is renewed.
type RenewType string

// The renew types that the API documents.
const (
	RenewTypeNone    RenewType = "None"
	RenewTypeWeekly  RenewType = "Weekly"
	RenewTypeMonthly RenewType = "Monthly"
)

var renewTypes = []RenewType{RenewTypeNone, RenewTypeWeekly, RenewTypeMonthly}

// Values returns the documented values.
func (RenewType) Values() []RenewType { return slices.Clone(renewTypes) }

// ReceivedStatus is the state of a license that was granted to the account.
type ReceivedStatus string

// The states of a received license that the API documents.
const (
	ReceivedStatusPendingWorkflow   ReceivedStatus = "PENDING_WORKFLOW"
	ReceivedStatusPendingAccept     ReceivedStatus = "PENDING_ACCEPT"
	ReceivedStatusRejected          ReceivedStatus = "REJECTED"
	ReceivedStatusActive            ReceivedStatus = "ACTIVE"
	ReceivedStatusFailedWorkflow    ReceivedStatus = "FAILED_WORKFLOW"
	ReceivedStatusDeleted           ReceivedStatus = "DELETED"
	ReceivedStatusDisabled          ReceivedStatus = "DISABLED"
	ReceivedStatusWorkflowCompleted ReceivedStatus = "WORKFLOW_COMPLETED"
)

// Values returns the documented values.
func (ReceivedStatus) Values() []ReceivedStatus {
	return []ReceivedStatus{
		ReceivedStatusPendingWorkflow, ReceivedStatusPendingAccept, ReceivedStatusRejected, ReceivedStatusActive,
		ReceivedStatusFailedWorkflow, ReceivedStatusDeleted, ReceivedStatusDisabled, ReceivedStatusWorkflowCompleted,
	}
}

// EntitlementUnit is what an entitlement is measured in.
type EntitlementUnit string

// The units that the API documents. None is the unit of a feature, and Count that
// of seats.
const (
	EntitlementUnitCount           EntitlementUnit = "Count"
	EntitlementUnitNone            EntitlementUnit = "None"
	EntitlementUnitSeconds         EntitlementUnit = "Seconds"
	EntitlementUnitMicroseconds    EntitlementUnit = "Microseconds"
	EntitlementUnitMilliseconds    EntitlementUnit = "Milliseconds"
	EntitlementUnitBytes           EntitlementUnit = "Bytes"
	EntitlementUnitKilobytes       EntitlementUnit = "Kilobytes"
	EntitlementUnitMegabytes       EntitlementUnit = "Megabytes"
	EntitlementUnitGigabytes       EntitlementUnit = "Gigabytes"
	EntitlementUnitTerabytes       EntitlementUnit = "Terabytes"
	EntitlementUnitBits            EntitlementUnit = "Bits"
	EntitlementUnitKilobits        EntitlementUnit = "Kilobits"
	EntitlementUnitMegabits        EntitlementUnit = "Megabits"
	EntitlementUnitGigabits        EntitlementUnit = "Gigabits"
	EntitlementUnitTerabits        EntitlementUnit = "Terabits"
	EntitlementUnitPercent         EntitlementUnit = "Percent"
	EntitlementUnitBytesSecond     EntitlementUnit = "Bytes/Second"
	EntitlementUnitKilobytesSecond EntitlementUnit = "Kilobytes/Second"
	EntitlementUnitMegabytesSecond EntitlementUnit = "Megabytes/Second"
	EntitlementUnitGigabytesSecond EntitlementUnit = "Gigabytes/Second"
	EntitlementUnitTerabytesSecond EntitlementUnit = "Terabytes/Second"
	EntitlementUnitBitsSecond      EntitlementUnit = "Bits/Second"
	EntitlementUnitKilobitsSecond  EntitlementUnit = "Kilobits/Second"
	EntitlementUnitMegabitsSecond  EntitlementUnit = "Megabits/Second"
	EntitlementUnitGigabitsSecond  EntitlementUnit = "Gigabits/Second"
	EntitlementUnitTerabitsSecond  EntitlementUnit = "Terabits/Second"
	EntitlementUnitCountSecond     EntitlementUnit = "Count/Second"
)

var entitlementUnits = []EntitlementUnit{
	EntitlementUnitCount, EntitlementUnitNone,
	EntitlementUnitSeconds, EntitlementUnitMicroseconds, EntitlementUnitMilliseconds,
	EntitlementUnitBytes, EntitlementUnitKilobytes, EntitlementUnitMegabytes, EntitlementUnitGigabytes, EntitlementUnitTerabytes,
	EntitlementUnitBits, EntitlementUnitKilobits, EntitlementUnitMegabits, EntitlementUnitGigabits, EntitlementUnitTerabits,
	EntitlementUnitPercent,
	EntitlementUnitBytesSecond, EntitlementUnitKilobytesSecond, EntitlementUnitMegabytesSecond, EntitlementUnitGigabytesSecond, EntitlementUnitTerabytesSecond,
	EntitlementUnitBitsSecond, EntitlementUnitKilobitsSecond, EntitlementUnitMegabitsSecond, EntitlementUnitGigabitsSecond, EntitlementUnitTerabitsSecond,
	EntitlementUnitCountSecond,
}

// Values returns the documented values.
func (EntitlementUnit) Values() []EntitlementUnit { return slices.Clone(entitlementUnits) }

// DatetimeRange is a period.
type DatetimeRange struct {
	Begin string // a date such as 2006-01-02T15:04:05Z, at most 50 characters. Required.
	End   string `json:",omitzero"` // a date as in Begin; empty means no end
}

// Period returns the DatetimeRange from begin to end. A zero end means no end.
func Period(begin, end time.Time) DatetimeRange {
	r := DatetimeRange{Begin: begin.UTC().Format(time.RFC3339)}
	if !end.IsZero() {
		r.End = end.UTC().Format(time.RFC3339)
	}
	return r
}

// Begins returns Begin as a time. A date without a zone is in UTC.
func (r DatetimeRange) Begins() (time.Time, error) { return timestamp.Parse(r.Begin) }

// Ends returns End as a time, or the zero time for no end. A date without a
// zone is in UTC.
func (r DatetimeRange) Ends() (time.Time, error) {
	if r.End == "" {
		return time.Time{}, nil
	}
	return timestamp.Parse(r.End)
}

func (r *DatetimeRange) validate() error {
	var c constraint.Checker
	c.RequiredString("Begin", r.Begin)
	c.Timestamp("Begin", r.Begin)
	c.Timestamp("End", r.End)
	return c.Err("DatetimeRange")
}

// Entitlement is a feature or a quantity that a license permits to use.
type Entitlement struct {
	AllowCheckIn *bool           `json:",omitzero"` // whether a checkout can be checked in before it expires
	MaxCount     *int64          `json:",omitzero"` // the most that can be used; for units other than None
	Name         string          // name of the entitlement. Required.
	Overage      *bool           `json:",omitzero"` // whether more than MaxCount can be used
	Unit         EntitlementUnit // unit of the entitlement. Required.
	Value        string          `json:",omitzero"` // for the unit None only
}

// validateEntitlement checks the members that an [Entitlement] and an
// [EntitlementData] have in common.
func validateEntitlement(name string, unit EntitlementUnit) error {
	var c constraint.Checker
	c.RequiredString("Name", name)
	constraint.RequiredEnum(&c, "Unit", unit, entitlementUnits)
	return c.Err("Entitlement")
}

// ConsumptionConfiguration is how a license is consumed.
type ConsumptionConfiguration struct {
	BorrowConfiguration      *BorrowConfiguration      `json:",omitzero"` // of checkouts for offline use
	ProvisionalConfiguration *ProvisionalConfiguration `json:",omitzero"` // of seats that expire
	RenewType                RenewType                 `json:",omitzero"`
}

// ProvisionalConfiguration is how seats are checked out.
type ProvisionalConfiguration struct {
	MaxTimeToLiveInMinutes int32 // the life of a seat and of each extension, in minutes. Required.
}

// BorrowConfiguration is how a license is borrowed for offline use.
type BorrowConfiguration struct {
	AllowEarlyCheckIn      bool  // whether a borrowed license can be checked in before it expires
	MaxTimeToLiveInMinutes int32 // the life of a borrowed license, in minutes. Required.
}

func (cc *ConsumptionConfiguration) validate() error {
	var c constraint.Checker
	if b := cc.BorrowConfiguration; b != nil {
		c.Required("BorrowConfiguration.MaxTimeToLiveInMinutes", b.MaxTimeToLiveInMinutes != 0)
	}
	if p := cc.ProvisionalConfiguration; p != nil {
		c.Required("ProvisionalConfiguration.MaxTimeToLiveInMinutes", p.MaxTimeToLiveInMinutes != 0)
	}
	constraint.Enum(&c, "RenewType", cc.RenewType, renewTypes)
	return c.Err("ConsumptionConfiguration")
}

// Issuer is who issues a license.
type Issuer struct {
	Name string // name of the issuer. Required.

	// SignKey is the AWS KMS key that signs borrowed licenses: an asymmetric
	// RSA key, by ARN.
	SignKey string `json:",omitzero"`
}

// IssuerDetails describes who issued a license.
type IssuerDetails struct {
	KeyFingerprint string `json:",omitzero"` // for CheckoutLicense
	Name           string `json:",omitzero"`
	SignKey        string `json:",omitzero"`
}

// License describes a license.
type License struct {
	Beneficiary              string                    `json:",omitzero"`
	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitzero"`
	CreateTime               string                    `json:",omitzero"` // Created returns it as a time
	Entitlements             []Entitlement             `json:",omitzero"`
	HomeRegion               string                    `json:",omitzero"` // where the license is checked out
	Issuer                   *IssuerDetails            `json:",omitzero"`
	LicenseArn               string                    `json:",omitzero"`
	LicenseMetadata          []Metadata                `json:",omitzero"`
	LicenseName              string                    `json:",omitzero"`
	ProductName              string                    `json:",omitzero"`
	ProductSKU               string                    `json:",omitzero"`
	Status                   LicenseStatus             `json:",omitzero"`
	Validity                 *DatetimeRange            `json:",omitzero"` // of the license, not of a seat
	Version                  string                    `json:",omitzero"`
}

// Created returns CreateTime as a time. A date without a zone is in UTC.
func (l License) Created() (time.Time, error) { return timestamp.Parse(l.CreateTime) }

// GrantedLicense is a license that was granted to the account.
type GrantedLicense struct {
	License
	ReceivedMetadata *ReceivedMetadata `json:",omitzero"`
}

// ReceivedMetadata is the grant by which a license was received.
type ReceivedMetadata struct {
	AllowedOperations    []AllowedOperation `json:",omitzero"` // 1 to 8
	ReceivedStatus       ReceivedStatus     `json:",omitzero"`
	ReceivedStatusReason string             `json:",omitzero"` // at most 400 characters
}
