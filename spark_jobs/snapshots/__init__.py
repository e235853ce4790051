"""Matrix and features: what each computes, and the one way in which both are planned, extended, validated, written."""
