"""The field's rules as array-ready tables: response, grade, stage, vessel contact, toxicity, surgery, eligibility.

Every function says in its docstring where its numbers come from and how they were read (*level*):
``fulltext`` (primary document), ``abstract`` (primary abstract), ``secondary`` (restated by another paper) or
``memory`` (recalled; only behind ``include_unchecked=True``). Functions take and return plain arrays, work on numpy
and on jax arrays, and never change their input.
"""
