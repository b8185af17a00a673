"""Who people are, where they belong and when, what they and machines may do, and the tokens that say so."""
