import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.AbstractUniqueIndex;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import de.bwaldvogel.mongo.exception.MongoServerException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map.Entry;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds by leading keys that are given, and by a range of the next key.
 *
 * <p>What it finds is too much rather than too little: whoever asks matches the whole query again.
 * An index that is not unique has the document's id as its last key, and so is unique after all.
 * Whoever calls holds the collection's lock.
 */
class OrderedIndex extends AbstractUniqueIndex<Integer> {
    private static final String ID = "_id";
    /** Comes after all values. */
    private static final Object END = new Object();
    /** What is looked up here; patterns, parts of documents and the like are found by reading on. */
    private static final Set<Class<?>> INDEXED = Set.of(Integer.class, Long.class, Double.class, String.class,
        Boolean.class, Instant.class, BinData.class, ObjectId.class, UUID.class);

    private final boolean unique;
    /** By the values of the keys; what has fewer values comes before all that begins with them. */
    private final NavigableMap<Object[], Integer> positions = new TreeMap<>(OrderedIndex::compareTuples);

    OrderedIndex(String name, List<IndexKey> keys, boolean sparse, boolean unique) {
        super(name, unique ? keys : withId(keys), sparse);
        this.unique = unique;
    }

    private static List<IndexKey> withId(List<IndexKey> keys) {
        Stream<IndexKey> others = keys.stream().filter(key -> !key.getKey().equals(ID));
        return Stream.concat(others, Stream.of(new IndexKey(ID, true))).collect(Collectors.toList());
    }

    /** A part of the index, or of several. */
    static class Scan {
        /** By how many keys it is narrowed: the more, the better. */
        final int narrowed;
        /** Whether it is in the order that was asked for. */
        final boolean sorted;
        final Stream<Integer> positions;

        Scan(int narrowed, boolean sorted, Stream<Integer> positions) {
            this.narrowed = narrowed;
            this.sorted = sorted;
            this.positions = positions;
        }
    }

    /** Where all documents are that this query finds; read only as far as the stream is. */
    Scan scan(Document query, Document orderBy) {
        List<Object[]> prefixes = List.<Object[]>of(new Object[0]);
        Object[] low = null;
        Object[] high = null;
        int narrowed = 0;
        int equal = 0;
        for (String key : keys()) {
            Collection<Object> values = values(query, key);
            if (values == null) {
                low = limit(query.get(key), "$gte", "$gt");
                high = limit(query.get(key), "$lt", "$lte");
                // Nothing is less than a value by not being there.
                low = low == null && high != null ? new Object[] {null, END} : low;
                narrowed += low == null ? 0 : 1;
                break;
            }
            equal += equal == narrowed && values.size() == 1 ? 1 : 0;
            narrowed++;
            prefixes = prefixes.stream()
                .flatMap(prefix -> values.stream().map(value -> with(prefix, new Object[] {value})))
                .collect(Collectors.toList());
        }
        int direction = direction(orderBy, equal);
        List<NavigableMap<Object[], Integer>> ranges = new ArrayList<>(prefixes.size());
        for (Object[] prefix : prefixes) {
            Object[] from = low == null ? prefix : with(prefix, low);
            Object[] to = high == null ? with(prefix, END) : with(prefix, high);
            if (compareTuples(from, to) < 0) {
                NavigableMap<Object[], Integer> range = positions.subMap(from, true, to, false);
                ranges.add(direction < 0 ? range.descendingMap() : range);
            }
        }
        if (direction < 0) {
            Collections.reverse(ranges);
        }
        // What has none of the keys is not in an index that is unique and sparse.
        boolean whole = !(unique && isSparse());
        int rank = unique && equal == getKeys().size() ? Integer.MAX_VALUE : narrowed;
        Stream<Integer> found = ranges.stream().flatMap(range -> range.values().stream());
        return new Scan(whole ? rank : 0, whole && direction != 0, found);
    }

    /** The values of which a document must have one, in order; null where the query does not say. */
    private static Collection<Object> values(Document query, String key) {
        Object wanted = query.get(key);
        Collection<?> any = null;
        if (wanted instanceof Document) {
            Document operators = (Document) wanted;
            if (operators.containsKey("$eq")) {
                any = Collections.singletonList(operators.get("$eq"));
            } else if (operators.get("$in") instanceof Collection) {
                any = (Collection<?>) operators.get("$in");
            }
        } else if (query.containsKey(key)) {
            any = Collections.singletonList(wanted);
        }
        if (any == null || any.stream().anyMatch(value -> !isIndexed(value))) {
            return null;
        }
        Collection<Object> values = new TreeSet<>(OrderedIndex::compareValues);
        any.forEach(value -> values.add(normalized(value)));
        return values;
    }

    /** The place before or after a value, as the operators say; null where they say nothing. */
    private static Object[] limit(Object wanted, String before, String after) {
        Document operators = wanted instanceof Document ? (Document) wanted : new Document();
        for (String operator : List.of(before, after)) {
            Object value = operators.get(operator);
            if (value != null && isIndexed(value)) {
                Object[] place = {normalized(value), END};
                return operator.equals(before) ? Arrays.copyOf(place, 1) : place;
            }
        }
        return null;
    }

    /** 1 or -1 where that way through the index is in this order, else 0. */
    private int direction(Document orderBy, int equal) {
        List<String> keys = keys();
        int at = 0;
        int direction = 0;
        for (Entry<String, Object> by : orderBy == null ? new Document().entrySet() : orderBy.entrySet()) {
            while (at < equal && !keys.get(at).equals(by.getKey())) {
                at++;
            }
            boolean follows = at < keys.size() && keys.get(at++).equals(by.getKey());
            if (!follows || !(by.getValue() instanceof Number)) {
                return 0;
            }
            int wanted = ((Number) by.getValue()).intValue() < 0 ? -1 : 1;
            if (direction == -wanted) {
                return 0;
            }
            direction = wanted;
        }
        return direction;
    }

    private static Object[] with(Object[] prefix, Object... more) {
        Object[] longer = Arrays.copyOf(prefix, prefix.length + more.length);
        System.arraycopy(more, 0, longer, prefix.length, more.length);
        return longer;
    }

    private static boolean isIndexed(Object value) {
        return value == null || INDEXED.contains(value.getClass());
    }

    private static Object normalized(Object value) {
        return new KeyValue(value).normalized().get(0);
    }

    private static int compareTuples(Object[] one, Object[] other) {
        for (int at = 0; at < Math.min(one.length, other.length); at++) {
            int compared = compareValues(one[at], other[at]);
            if (compared != 0) {
                return compared;
            }
        }
        return Integer.compare(one.length, other.length);
    }

    /** As the library compares, which is slow, even where the type's own order is the same. */
    @SuppressWarnings("unchecked")
    private static int compareValues(Object one, Object other) {
        if (one == END || other == END) {
            return Boolean.compare(one == END, other == END);
        }
        boolean alike = one instanceof Comparable && other != null && one.getClass() == other.getClass();
        return alike && !(one instanceof UUID)
            ? ((Comparable<Object>) one).compareTo(other)
            : ValueComparator.asc().compare(one, other);
    }

    private static Object[] tuple(KeyValue key) {
        return key.stream().toArray();
    }

    @Override
    public boolean canHandle(Document query) {
        return scan(query, null).narrowed > 0;
    }

    @Override
    public Iterable<Integer> getPositions(Document query) {
        return scan(query, null).positions.collect(Collectors.toList());
    }

    @Override
    protected Integer removeDocument(KeyValue key) {
        return positions.remove(tuple(key));
    }

    @Override
    protected boolean putKeyPosition(KeyValue key, Integer position) {
        return positions.putIfAbsent(tuple(key), position) == null;
    }

    @Override
    protected Integer getPosition(KeyValue key) {
        return positions.get(tuple(key));
    }

    @Override
    protected Iterable<Entry<KeyValue, Integer>> getIterable() {
        throw new UnsupportedOperationException("it is read by ranges");
    }

    @Override
    public void checkAdd(Document document, MongoCollection<Integer> collection) {
        refuseArrays(document);
        if (unique) {
            super.checkAdd(document, collection);
        }
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<Integer> collection) {
        refuseArrays(after);
        if (unique) {
            super.checkUpdate(before, after, collection);
        }
    }

    /** In MongoDB such a document is there once for each element, which queries would have to know of. */
    private void refuseArrays(Document document) {
        for (String key : keys()) {
            if (Utils.getSubdocumentValueCollectionAware(document, key) instanceof Collection) {
                throw new MongoServerException("this server has no indexes over arrays, as in " + key);
            }
        }
    }

    @Override
    public boolean isUnique() {
        return unique;
    }

    @Override
    public long getCount() {
        return positions.size();
    }

    @Override
    public long getDataSize() {
        return positions.size();
    }
}
