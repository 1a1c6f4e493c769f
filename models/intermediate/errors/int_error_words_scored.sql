{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        session_id,
        judged_hash,
        judged_text
    from {{ changed(ref('int_errors_prepared')) }}

),

matched as (

    select error_id
    from {{ changed(ref('int_error_rules_matched')) }}

),

weights as (

    select
        word,
        error_category,
        weight
    from {{ ref('error_word_weights') }}

),

-- Only what no rule decides.
undecided as (

    select
        errors.judged_hash,
        min(errors.judged_text) as judged_text
    from errors
    left join matched
        on errors.error_id = matched.error_id
    where matched.error_id is null
    group by errors.judged_hash

),

split as (

    select
        judged_hash,
        {{ split_by_regex('judged_text', '[^a-z]+') }} as word_list
    from undecided

),

-- distinct: a word counts once, however often it stands there; the empty word is every text's.
words as (

    select distinct
        split.judged_hash,
        words.item as word
    from split
    {{ array_rows('split.word_list', 'words') }}

    union

    select
        judged_hash,
        '*' as word
    from split

),

summed as (

    select
        words.judged_hash,
        weights.error_category,
        sum(weights.weight) as score,
        sum(case when words.word = '*' then 0 else 1 end) as n_known_words
    from words
    inner join weights
        on words.word = weights.word
    group by
        words.judged_hash,
        weights.error_category

),

-- The softmax of the scores is the scorer's own probability.
compared as (

    select
        judged_hash,
        error_category,
        score,
        max(n_known_words) over (partition by judged_hash) as n_known_words,
        exp(score - max(score) over (partition by judged_hash)) as odds
    from summed

),

shared as (

    select
        judged_hash,
        error_category,
        n_known_words,
        odds / sum(odds) over (partition by judged_hash) as share
    from compared

),

best as (

    select
        judged_hash,
        min_by(error_category, -share) as error_category,
        max(share) as share,
        max(n_known_words) as n_known_words
    from shared
    group by judged_hash

),

scored as (

    select
        errors.error_id,
        errors.session_id,
        best.error_category,
        best.share
    from best
    inner join errors
        on best.judged_hash = errors.judged_hash
    where best.n_known_words >= 3 and best.share >= 0.35

)

select * from scored
